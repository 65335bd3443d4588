//! What an SFU must read of codec payloads.
