/// @file
/// `import mio;`: the whole public interface of the library.

export module mio;

export import mio.core;
export import mio.net;
export import mio.sys;
