#include "app/commands.hpp"
#include "config/address.hpp"
#include "fake_provider/fake_provider.hpp"

#include <boost/json/object.hpp>

#include <cstdio>
#include <utility>

namespace eco2::app {

int fake_provider(const std::string& listen, fake::FakeOptions options, const FaultOptions& fault) {
    block_stop_signals();
    const auto address = config::parse_host_port(listen);
    if (!address) {
        print_error(fail(Errc::invalid_field, "--listen \"" + listen + "\" is not HOST:PORT"));
        return kUsage;
    }
    options.host = address->host;
    options.port = address->port;
    if (!fault.name.empty()) {
        auto behaviour =
            fake::read_behaviour({{"fault", fault.name}, {"status", fault.status}, {"error_rate", fault.error_rate}});
        if (!behaviour) {
            print_error(behaviour.error());
            return kUsage;
        }
        options.behaviour = std::move(behaviour.value());
    }
    net::IoThreads threads({});
    threads.start();
    fake::FakeProvider provider(threads, std::move(options));
    if (auto started = provider.start(); !started) {
        print_error(started.error());
        threads.stop();
        return started.error().code == Errc::invalid_field ? kUsage : kFailed;
    }
    std::printf("%s\n", provider.banner().c_str());
    std::fflush(stdout);
    wait_for_stop_signal();
    provider.stop();
    threads.stop();
    return kOk;
}

}  // namespace eco2::app
