//! QUIC, HTTP/2 and TLS as Adit uses them: every limit in one place, streams that reset unless finished.
