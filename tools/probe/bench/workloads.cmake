# What `mio-probe bench` measures: the workloads, on the library and on the bare calls of the backend that Poll uses.
target_sources(mio-probe
    PRIVATE FILE_SET modules FILES
        bench/client.cppm
        bench/companion.cppm
        bench/contestant.cppm
        bench/plays.cppm
        bench/workloads/chain.cppm
        bench/workloads/churn.cppm
        bench/workloads/echo.cppm
        bench/workloads/pingpong.cppm
        bench/workloads/timeout.cppm
        bench/workloads/wake.cppm
        bench/bare/calls.cppm
        bench/bare/wakeup/${MIO_WAKEUP}.cppm
    PRIVATE
        bench/client.cpp
        bench/library.cpp
        bench/workloads.cpp
        bench/bare/${MIO_NATIVE}.cpp)
if(MIO_NATIVE STREQUAL "poll")
    target_sources(mio-probe PRIVATE FILE_SET modules FILES bench/bare/poll_wait/${MIO_POLL_WAIT}.cppm)
elseif(MIO_NATIVE STREQUAL "kqueue")
    target_sources(mio-probe PRIVATE FILE_SET modules FILES
        bench/bare/kqueue_change.cppm bench/bare/kqueue_waker/${MIO_KQUEUE_WAKER}.cppm)
endif()
