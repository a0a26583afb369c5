# Which backends this platform can build, and which of them `Poll` uses: the only list of systems in the project.
#
# Sets  MIO_BACKENDS  every backend to build   (each one: modules/sys/<name>.cppm and impl/sys/<name>/)
#       MIO_NATIVE    the one that mio.sys hands to Poll
#       MIO_FAMILY    which OS family's bodies are compiled   (impl/*/<family>/)
#       MIO_SYSTEM    which of its members                    (impl/*/<system>/)
#       MIO_WAKEUP    eventfd or pipe: what ends a wait       (impl/os/unix/wakeup/)
#       MIO_POLL_WAIT ppoll or poll: the call that waits      (impl/sys/poll/wait/)
#       MIO_KQUEUE_WAKER  user or pipe: what wakes a kqueue   (impl/sys/kqueue/waker/)

if(CMAKE_SYSTEM_NAME MATCHES "^(Linux|Android)$")
    set(MIO_FAMILY unix)
    set(MIO_SYSTEM linux)
    set(MIO_BACKENDS epoll poll)
    set(MIO_WAKEUP eventfd)
    set(MIO_POLL_WAIT ppoll)
    # For the tests: kqueue over epoll, so that its backend can be run here.
    option(MIO_KQUEUE_DOUBLE "Build the kqueue backend on the test double of tests/support/kqueue_double" OFF)
    mark_as_advanced(MIO_KQUEUE_DOUBLE)
    if(MIO_KQUEUE_DOUBLE)
        list(APPEND MIO_BACKENDS kqueue)
        set(MIO_KQUEUE_WAKER user)
    endif()
else()
    message(FATAL_ERROR "mio has no backend for ${CMAKE_SYSTEM_NAME} yet. It runs on: Linux, Android.")
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
