# The only list of systems: the backends that each supports, and the variant of each mechanism that it uses.
#
# Sets  MIO_FAMILY         the OS family: unix or windows               (impl/*/<family>/)
#       MIO_SYSTEM         the row of the table below
#       MIO_BACKENDS       the backends to build                        (modules/sys/<name>.cppm and impl/sys/<name>/)
#       MIO_NATIVE         the backend of Poll
#       MIO_<MECHANISM>    for each other column of the table, a file of the folder below
#       MIO_CALLS          whether the most frequent system calls go through the C library   (modules/sys/calls/)
#
#       abstract_names     impl/net/abstract_names/       whether Unix sockets have abstract names
#       alarm              impl/time/alarm/               a source that becomes readable at a given time
#       error_queue        impl/net/error_queue/          whether errors and zero-copy completions of datagrams are queued
#       open               impl/os/unix/open/             sets non-blocking and close-on-exec mode of descriptors
#       wakeup             impl/os/unix/wakeup/           ends another thread's wait
#       process            impl/os/unix/process/          descriptors for signals and the end of processes
#       sigpipe            impl/os/unix/sigpipe/          takes a pending SIGPIPE
#       quiet_write        impl/os/unix/quiet_write/      writes to a pipe without SIGPIPE
#       send_file          impl/net/unix/send_file/       the variant of sendfile(2)
#       splice             impl/net/unix/splice/          whether splice(2) exists
#       udp_many           impl/net/unix/udp_many/        whether one call transfers several datagrams
#       control_room       impl/net/unix/control_room/    whether the kernel closes received descriptors that do not fit
#       poll_wait          impl/sys/poll/wait/            the resolution of poll's timeout
#       kqueue_waker       impl/sys/kqueue/waker/         whether EVFILT_USER exists

set(columns   backends    abstract_names alarm   error_queue open     wakeup  process     sigpipe      quiet_write   send_file splice udp_many control_room  poll_wait kqueue_waker)
set(linux     epoll,poll  leading_nul    timerfd recverr     atomic   eventfd descriptors sigtimedwait nosignal_flag linux     splice mmsg     kernel_closes ppoll     user) # kqueue_waker: for the test double
set(freebsd   kqueue,poll none           kqueue  none        atomic   pipe    kqueue      sigtimedwait swallow       freebsd   none   mmsg     for_all       ppoll     user)
set(dragonfly kqueue,poll none           kqueue  none        atomic   pipe    kqueue      sigtimedwait swallow       freebsd   none   loop     for_all       ppoll     pipe)
set(netbsd    kqueue,poll none           kqueue  none        atomic   pipe    kqueue      sigtimedwait no_sigpipe    none      none   mmsg     for_all       ppoll     pipe)
set(openbsd   kqueue,poll none           kqueue  none        atomic   pipe    kqueue      sigwait      swallow       none      none   mmsg     for_all       ppoll     pipe)
set(apple     kqueue,poll none           kqueue  none        two_step pipe    kqueue      sigwait      no_sigpipe    apple     none   loop     for_all       poll      user)
set(windows   iocp        none           none    none)

set(MIO_FAMILY unix)
if(CMAKE_SYSTEM_NAME MATCHES "^(Linux|Android)$")
    set(MIO_SYSTEM linux)
elseif(CMAKE_SYSTEM_NAME MATCHES "^(FreeBSD|DragonFly|NetBSD|OpenBSD)$")
    string(TOLOWER ${CMAKE_SYSTEM_NAME} MIO_SYSTEM)
elseif(CMAKE_SYSTEM_NAME MATCHES "^(Darwin|iOS|tvOS|watchOS|visionOS)$")
    set(MIO_SYSTEM apple)
elseif(CMAKE_SYSTEM_NAME STREQUAL "Windows")
    set(MIO_FAMILY windows)
    set(MIO_SYSTEM windows)
else()
    message(FATAL_ERROR "mio has no backend for ${CMAKE_SYSTEM_NAME}. It is for: Linux, Android, FreeBSD, DragonFly, NetBSD, "
        "OpenBSD, Apple's systems, and Windows.")
endif()

foreach(column value IN ZIP_LISTS columns ${MIO_SYSTEM})
    string(TOUPPER ${column} column)
    set(MIO_${column} ${value})
endforeach()
string(REPLACE "," ";" MIO_BACKENDS ${MIO_BACKENDS})

# For the tests: a double of kqueue on epoll, to run the kqueue backend on Linux.
if(MIO_SYSTEM STREQUAL "linux")
    option(MIO_KQUEUE_DOUBLE "Build the kqueue backend on the test double of tests/support/kqueue_double" OFF)
    mark_as_advanced(MIO_KQUEUE_DOUBLE)
    if(MIO_KQUEUE_DOUBLE)
        list(APPEND MIO_BACKENDS kqueue)
    endif()
endif()

option(MIO_DIRECT_SYSTEM_CALLS
    "Make the most frequent system calls without the C library (Linux on x86-64 and 64-bit ARM)" ON)
set(MIO_CALLS library)
if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND MIO_DIRECT_SYSTEM_CALLS)
    # The compiler knows which processor it compiles for; CMAKE_SYSTEM_PROCESSOR may be that of the machine that compiles.
    # The kernel's numbers of the calls depend on the size of pointers and the order of bytes as well.
    #
    # A sanitizer intercepts the C library's functions and does not see memory that a direct system call writes. The
    # choice is made here and not in the sources, so that the library and its importers compile the same definitions.
    include(CheckCXXSourceCompiles)
    set(CMAKE_TRY_COMPILE_CONFIGURATION ${CMAKE_BUILD_TYPE}) # presets set sanitizers in the flags of the build type
    unset(MIO_CAN_CALL_DIRECTLY CACHE)                       # the flags may have changed
    check_cxx_source_compiles([[
        #if !(defined(__x86_64__) || (defined(__aarch64__) && defined(__AARCH64EL__))) || !defined(__LP64__)
        #error "another processor, or the calls of another size"
        #endif
        #if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_HWADDRESS__) || defined(__SANITIZE_THREAD__)
        #error "a sanitizer of GCC"
        #elif defined(__has_feature)
        #if __has_feature(address_sanitizer) || __has_feature(hwaddress_sanitizer) || __has_feature(memory_sanitizer) \
            || __has_feature(thread_sanitizer) || __has_feature(dataflow_sanitizer)
        #error "a sanitizer of Clang"
        #endif
        #endif
        int main() {}
        ]] MIO_CAN_CALL_DIRECTLY)
    unset(CMAKE_TRY_COMPILE_CONFIGURATION)
    if(MIO_CAN_CALL_DIRECTLY)
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
