# Which backends this platform can build, and which of them `Poll` uses: the only list of systems in the project.
#
# Sets  MIO_BACKENDS  every backend to build   (each one: modules/sys/<name>.cppm and impl/sys/<name>/)
#       MIO_NATIVE    the one that mio.sys hands to Poll
#       MIO_FAMILY    which OS family's bodies are compiled   (impl/*/<family>/)
#       MIO_KERNEL    which kind of its kernels               (impl/*/<kernel>/)
#       MIO_SYSTEM    which system                            (impl/*/<system>/)
#
# and, for what some systems do in one way and others in another, the body that is compiled:
#
#       MIO_OPEN          impl/os/unix/open/          how descriptors become non-blocking and close-on-exec
#       MIO_CALLS         modules/sys/calls/          whether the most frequent calls go through the C library
#       MIO_SIGPIPE       impl/os/unix/sigpipe/       how a pending SIGPIPE is taken back
#       MIO_WAKEUP        impl/os/unix/wakeup/        what ends another thread's wait
#       MIO_QUIET_WRITE   impl/net/unix/quiet_write/  how a pipe is written to without SIGPIPE
#       MIO_SEND_FILE     impl/net/unix/send_file/    which sendfile(2) there is
#       MIO_UDP_MANY      impl/net/unix/udp_many/     whether one call takes many datagrams
#       MIO_POLL_WAIT     impl/sys/poll/wait/         how precisely poll waits
#       MIO_KQUEUE_WAKER  impl/sys/kqueue/waker/      whether a kqueue has events of its own
#
# Windows has one way of each, so that these are for Unix alone.

# Here what most have; below, each system says who it is and what it has instead.
set(MIO_FAMILY unix)
set(MIO_KERNEL bsd)
set(MIO_BACKENDS kqueue poll)
set(MIO_OPEN atomic)
set(MIO_SIGPIPE sigtimedwait)
set(MIO_QUIET_WRITE swallow)
set(MIO_SEND_FILE none)
set(MIO_WAKEUP pipe)
set(MIO_UDP_MANY mmsg)
set(MIO_POLL_WAIT ppoll)
set(MIO_KQUEUE_WAKER pipe)
if(CMAKE_SYSTEM_NAME MATCHES "^(Linux|Android)$")
    set(MIO_KERNEL linux)
    set(MIO_SYSTEM linux)
    set(MIO_BACKENDS epoll poll)
    set(MIO_WAKEUP eventfd)
    set(MIO_QUIET_WRITE nosignal_flag)
    set(MIO_SEND_FILE linux)
    # For the tests: kqueue over epoll, so that its backend can be run here.
    option(MIO_KQUEUE_DOUBLE "Build the kqueue backend on the test double of tests/support/kqueue_double" OFF)
    mark_as_advanced(MIO_KQUEUE_DOUBLE)
    if(MIO_KQUEUE_DOUBLE)
        list(APPEND MIO_BACKENDS kqueue)
        set(MIO_KQUEUE_WAKER user)
    endif()
elseif(CMAKE_SYSTEM_NAME STREQUAL "FreeBSD")
    set(MIO_SYSTEM freebsd)
    set(MIO_KQUEUE_WAKER user)
    set(MIO_SEND_FILE freebsd)
elseif(CMAKE_SYSTEM_NAME STREQUAL "DragonFly")
    set(MIO_SYSTEM dragonfly)
    set(MIO_SEND_FILE freebsd)
    set(MIO_UDP_MANY loop)
elseif(CMAKE_SYSTEM_NAME STREQUAL "NetBSD")
    set(MIO_SYSTEM netbsd)
    set(MIO_QUIET_WRITE no_sigpipe)
elseif(CMAKE_SYSTEM_NAME STREQUAL "OpenBSD")
    set(MIO_SYSTEM openbsd)
    set(MIO_SIGPIPE sigwait)
elseif(CMAKE_SYSTEM_NAME MATCHES "^(Darwin|iOS|tvOS|watchOS|visionOS)$")
    set(MIO_SYSTEM apple)
    set(MIO_OPEN two_step)
    set(MIO_SIGPIPE sigwait)
    set(MIO_QUIET_WRITE no_sigpipe)
    set(MIO_SEND_FILE apple)
    set(MIO_UDP_MANY loop)
    set(MIO_POLL_WAIT poll)
    set(MIO_KQUEUE_WAKER user)
elseif(CMAKE_SYSTEM_NAME STREQUAL "Windows")
    set(MIO_FAMILY windows)
    set(MIO_KERNEL windows)
    set(MIO_SYSTEM windows)
    set(MIO_BACKENDS iocp)
else()
    message(FATAL_ERROR "mio has no backend for ${CMAKE_SYSTEM_NAME}. It is for: Linux, Android, FreeBSD, DragonFly, NetBSD, "
        "OpenBSD, Apple's systems, and Windows.")
endif()

option(MIO_DIRECT_SYSTEM_CALLS
    "Make the most frequent system calls without the C library, where mio knows how (Linux on x86-64 and 64-bit ARM)" ON)
set(MIO_CALLS library)
if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND CMAKE_SIZEOF_VOID_P EQUAL 8 AND MIO_DIRECT_SYSTEM_CALLS
        AND CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64|aarch64|arm64)$")
    # A sanitizer intercepts the C library's functions: what the kernel writes without them, it does not see. Chosen here
    # and not in the sources, so that the library and who imports it compile the same definitions.
    include(CheckCXXSourceCompiles)
    set(CMAKE_TRY_COMPILE_CONFIGURATION ${CMAKE_BUILD_TYPE}) # a preset's sanitizer is among the flags of its configuration
    unset(MIO_WITHOUT_SANITIZER CACHE)                       # the flags may have changed
    check_cxx_source_compiles([[
        #if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_HWADDRESS__) || defined(__SANITIZE_THREAD__)
        #error "a sanitizer of GCC"
        #elif defined(__has_feature)
        #if __has_feature(address_sanitizer) || __has_feature(hwaddress_sanitizer) || __has_feature(memory_sanitizer) \
            || __has_feature(thread_sanitizer) || __has_feature(dataflow_sanitizer)
        #error "a sanitizer of Clang"
        #endif
        #endif
        int main() {}
        ]] MIO_WITHOUT_SANITIZER)
    unset(CMAKE_TRY_COMPILE_CONFIGURATION)
    if(MIO_WITHOUT_SANITIZER)
        set(MIO_CALLS direct)
    endif()
endif()

set(MIO_BACKEND auto CACHE STRING "The backend that Poll uses: auto, or one of ${MIO_BACKENDS}")
set_property(CACHE MIO_BACKEND PROPERTY STRINGS auto ${MIO_BACKENDS})
if(MIO_BACKEND STREQUAL "auto")
    list(GET MIO_BACKENDS 0 MIO_NATIVE)
elseif(MIO_BACKEND IN_LIST MIO_BACKENDS)
    set(MIO_NATIVE ${MIO_BACKEND})
else()
    list(JOIN MIO_BACKENDS ", " choices)
    message(FATAL_ERROR
        "MIO_BACKEND=${MIO_BACKEND} cannot be built on ${CMAKE_SYSTEM_NAME}. Choose one of: auto, ${choices}")
endif()
