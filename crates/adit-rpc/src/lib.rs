//! Cap'n Proto RPC of the control stream on single-threaded lanes, behind facades that are Send.
