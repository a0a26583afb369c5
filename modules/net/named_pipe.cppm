/// @file
/// Named pipes. Windows.

export module mio.net.named_pipe;
