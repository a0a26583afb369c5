// A network namespace with loopback and an Ethernet without ARP replies. Include it before "udp.hpp".
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>

namespace test {

/// Interface "ether0" with address 10.9.0.1/24. Datagrams to 10.9.0.2 stay in the sender's buffer until `answer_arp`
/// is called.
class Network {
  public:
    /// For a process of its own. False if not permitted or not supported; `missing` then names the reason.
    bool create() {
        if (::unshare(CLONE_NEWNET) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
            return lacks("unshare");
        control_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        auto loopback = interface("lo");
        loopback.ifr_flags = IFF_UP;
        if (::ioctl(control_, SIOCSIFFLAGS, &loopback) != 0) return lacks("lo");

        tap_ = ::open("/dev/net/tun", O_RDWR | O_CLOEXEC);
        auto ether = interface("ether0");
        ether.ifr_flags = IFF_TAP | IFF_NO_PI;
        if (tap_ == -1 || ::ioctl(tap_, TUNSETIFF, &ether) != 0) return lacks("/dev/net/tun");
        const char* const wait_for_duplicates = "/proc/sys/net/ipv6/conf/ether0/accept_dad";
        const bool has_v6 = ::access(wait_for_duplicates, F_OK) == 0;
        if (has_v6) write_setting(wait_for_duplicates, "0"); // duplicate address detection takes a second
        ether.ifr_addr = ethernet_address("10.9.0.1");
        if (::ioctl(control_, SIOCSIFADDR, &ether) != 0) return lacks("SIOCSIFADDR");
        ether.ifr_netmask = ethernet_address("255.255.255.0");
        if (::ioctl(control_, SIOCSIFNETMASK, &ether) != 0) return lacks("SIOCSIFNETMASK");
        ether.ifr_flags = IFF_UP | IFF_BROADCAST | IFF_MULTICAST;
        if (::ioctl(control_, SIOCSIFFLAGS, &ether) != 0) return lacks("SIOCSIFFLAGS");
        if (has_v6) await_v6_address();
        return true;
    }
    [[nodiscard]] const std::string& missing() const { return missing_; }

    /// Releases the datagrams waiting for 10.9.0.2.
    void answer_arp() const {
        ::arpreq entry{};
        entry.arp_pa = ethernet_address("10.9.0.2");
        entry.arp_ha.sa_family = ARPHRD_ETHER;
        std::memcpy(entry.arp_ha.sa_data, "\x02\0\0\0\0\x02", 6);
        entry.arp_flags = ATF_COM;
        std::strcpy(entry.arp_dev, "ether0");
        ASSERT_EQ(::ioctl(control_, SIOCSARP, &entry), 0) << std::strerror(errno);
    }

    [[nodiscard]] static unsigned ether_index() { return ::if_nametoindex("ether0"); }

  private:
    static ::ifreq interface(const char* name) {
        ::ifreq request{};
        std::strcpy(request.ifr_name, name);
        return request;
    }
    static ::sockaddr ethernet_address(const char* text) {
        ::sockaddr_in address{};
        address.sin_family = AF_INET;
        ::inet_pton(AF_INET, text, &address.sin_addr);
        ::sockaddr result;
        std::memcpy(&result, &address, sizeof result);
        return result;
    }
    static void write_setting(const char* path, const char* value) { std::ofstream(path) << value; }
    // The kernel assigns the link-local address in the background, and reports that through netlink only.
    static void await_v6_address() {
        for (int i = 0; i < 5'000; ++i) {
            std::ifstream addresses("/proc/self/net/if_inet6");
            std::string address, index, prefix, scope, flags, name;
            while (addresses >> address >> index >> prefix >> scope >> flags >> name) {
                constexpr unsigned tentative = 0x40;
                if (name == "ether0" && (std::stoul(flags, nullptr, 16) & tentative) == 0) return;
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        ADD_FAILURE() << "no IPv6 address was assigned";
    }
    bool lacks(const char* what) {
        missing_ = std::string(what) + ": " + std::strerror(errno);
        return false;
    }

    int control_ = -1;
    int tap_ = -1;
    std::string missing_;
};

/// Runs `f(network)` in a child process with its own network namespace. Skips the test where that is impossible.
template <class F> void in_own_network(F&& f) {
    constexpr int cannot = 77;
    std::fflush(nullptr);
    const auto child = ::fork();
    ASSERT_NE(child, -1) << std::strerror(errno);
    if (child == 0) {
        Network network;
        if (!network.create()) {
            std::fprintf(stderr, "no network of our own: %s\n", network.missing().c_str());
            ::_exit(cannot);
        }
        f(network);
        std::fflush(nullptr);
        ::_exit(testing::Test::HasFailure() ? 1 : 0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child) << std::strerror(errno);
    ASSERT_TRUE(WIFEXITED(status)) << "the child died of signal " << WTERMSIG(status);
    if (WEXITSTATUS(status) == cannot) GTEST_SKIP() << "cannot create a network namespace";
    EXPECT_EQ(WEXITSTATUS(status), 0) << "expectations failed in the child; see above";
}

} // namespace test
