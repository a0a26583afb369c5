/// @file
/// What `mio.net` has on Windows only. `unix.cppm` beside this file says the same for Unix.

export module mio.net.system;

export import mio.net.named_pipe;
