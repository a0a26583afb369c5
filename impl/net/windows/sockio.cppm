/// @file
/// Reading and writing as all Windows sockets do it. For bodies only.

export module mio.net.sockio;
