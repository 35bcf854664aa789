//! Conversations with the door, without sockets: clients whose packets another library makes.

mod connect;
mod modern;
mod publish;
mod sessions;
mod subscribe;
mod support;
