/// @file
/// What the bodies of all Windows sockets share: addresses as the OS has them, and options. For bodies only.

export module mio.net.sockaddr;
