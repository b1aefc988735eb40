#include "app/commands.hpp"
#include "config/address.hpp"
#include "fake_provider/fake_provider.hpp"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <cstdio>
#include <fstream>
#include <utility>

namespace eco2::app {
namespace {

namespace json = boost::json;

constexpr std::size_t kFileBytesMax = 4 * 1024 * 1024;

/// `text` as an object, or what is in the file of that name. Errors: io_failed, invalid_json, limit_exceeded.
Result<json::object> object_of(const std::string& option, std::string text) {
    if (text.find('{') == std::string::npos) {
        std::ifstream file(text, std::ios::binary);
        std::string content(kFileBytesMax + 1, '\0');
        file.read(content.data(), static_cast<std::streamsize>(content.size()));
        if (file.gcount() <= 0) {
            return fail(Errc::io_failed, option + ": cannot read \"" + text + "\"");
        }
        content.resize(static_cast<std::size_t>(file.gcount()));
        if (content.size() > kFileBytesMax) {
            return fail(Errc::limit_exceeded, option + ": \"" + text + "\" is larger than 4 MiB");
        }
        text = std::move(content);
    }
    json::error_code ec;
    const json::value root = json::parse(text, ec);
    if (ec || !root.is_object()) {
        return fail(Errc::invalid_json, option + " is not a JSON object");
    }
    return root.get_object();
}

/// Reads one option that is JSON into `out`; an empty one leaves it as it is.
template <class Value, class Read>
Result<void> read_option(Value& out, const std::string& option, const std::string& text, Read read) {
    if (text.empty()) {
        return {};
    }
    Result<json::object> object = object_of(option, text);
    if (!object) {
        return object.error();
    }
    Result<Value> value = read(*object);
    if (!value) {
        return fail(value.error().code, option + ": " + value.error().detail);
    }
    out = *std::move(value);
    return {};
}

Result<void> read_json_options(fake::FakeOptions& out, const FaultOptions& asked) {
    const auto mix = [&](const json::object& object) { return fake::read_mix(object, out.fault_scale); };
    if (Result<void> read = read_option(out.mix, "--mix", asked.mix, mix); !read) {
        return read.error();
    }
    if (Result<void> read = read_option(out.accounts, "--accounts", asked.accounts, fake::read_accounts); !read) {
        return read.error();
    }
    if (asked.window_ms > 0) {
        out.accounts.window_ms = asked.window_ms;
    }
    const auto batch = [&](const json::object& object) { return fake::BatchRules(out.batch).read(object); };
    if (Result<void> read = read_option(out.batch, "--batch", asked.batch, batch); !read) {
        return read.error();
    }
    return read_option(out.prices, "--prices", asked.prices, fake::read_prices);
}

}  // namespace

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
    if (const Result<void> read = read_json_options(options, fault); !read) {
        print_error(read.error());
        return kUsage;
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
