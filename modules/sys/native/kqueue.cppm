/// @file
/// The backend of `Poll`: kqueue.

export module mio.sys;

export import mio.sys.kqueue;
export import mio.sys.selector;

export namespace mio::sys {

using native = kqueue::Selector;

} // namespace mio::sys

export namespace mio {

using backend_traits = sys::BackendTraits<sys::native>;

} // namespace mio
