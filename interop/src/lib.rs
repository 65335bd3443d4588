//! Nothing to use: the tests are all there is. They start the binary that `CARILLON_BIN` names, and stand apart from the
//! server's own so that only `make interop` builds the hundred crates that they need.
