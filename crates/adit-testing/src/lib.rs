//! Harness, fixtures and scripted peers for tests.
