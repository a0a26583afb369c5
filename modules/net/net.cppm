/// @file
/// Non-blocking sockets and pipes, and their addresses.

export module mio.net;

export import mio.net.address;
export import mio.net.local;
export import mio.net.socket;
export import mio.net.pipe;
export import mio.net.tcp;
export import mio.net.udp;
