/// @file
/// Non-blocking sockets and the addresses they use.

export module mio.net;

export import mio.net.address;
export import mio.net.socket;
export import mio.net.tcp;
