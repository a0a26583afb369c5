/// @file
/// The backend of `Poll`: epoll.

export module mio.sys;

export import mio.sys.epoll;
export import mio.sys.selector;

export namespace mio::sys {

using native = epoll::Selector;

} // namespace mio::sys

export namespace mio {

using backend_traits = sys::BackendTraits<sys::native>;

} // namespace mio
