//! The built binary, as a user meets it.

mod again;
mod author;
mod binary;
mod decode;
mod exit_codes;
mod golden;
mod guide;
mod provoked;
mod readme;
mod run;
mod show;
mod tshark;
