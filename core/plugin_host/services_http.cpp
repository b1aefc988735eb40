#include "plugin_host/services_http.hpp"

#include "base/text.hpp"
#include "plugin_host/abi_values.hpp"
#include "plugin_host/http_exchange.hpp"
#include "plugin_host/origin.hpp"
#include "plugin_host/plugin_frame.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace eco2::plugin_host {
namespace {

constexpr std::array<std::string_view, 5> kOwnedByHost = {
    "host", "content-length", "connection", "transfer-encoding", "upgrade"};

bool is_token(std::string_view text) {
    constexpr std::string_view kToken = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return !text.empty() && text.find_first_not_of(kToken) == std::string_view::npos;
}

bool is_header_value(std::string_view text) {
    return std::none_of(text.begin(), text.end(), [](char letter) {
        const auto byte = static_cast<unsigned char>(letter);
        return (byte < 0x20 && byte != '\t') || byte == 0x7F;
    });
}

std::vector<std::string> key_origins_of(const InstanceConfig& config) {
    std::vector<std::string> origins;
    for (const auto& text : config.key_origins) {
        if (const auto origin = origin_of(text)) {
            origins.push_back(origin->text);
        }
    }
    if (!config.key_origins.empty()) {
        return origins;
    }
    boost::system::error_code ec;
    const auto json = boost::json::parse(config.config_json, ec);
    const auto* object = ec ? nullptr : json.if_object();
    const auto* url = object == nullptr ? nullptr : object->if_contains("base_url");
    if (url != nullptr && url->is_string()) {
        const auto& text = url->get_string();
        if (const auto origin = origin_of({text.data(), text.size()})) {
            origins.push_back(origin->text);
        }
    }
    return origins;
}

HttpExchange* exchange_of(eco2_http_call* call) noexcept {
    return reinterpret_cast<HttpExchange*>(call);
}

}  // namespace

HttpService::HttpService(InstanceContext& context)
    : context_(context),
      key_origins_(key_origins_of(context.config())),
      table_{sizeof(eco2_http_service),
             0,
             this,
             &HttpService::start,
             &HttpService::resume,
             &HttpService::cancel,
             &HttpService::release} {}

eco2_status HttpService::start(void* self,
                               const eco2_http_request* raw,
                               const eco2_http_handler* handler,
                               eco2_http_call** out) noexcept {
    auto& service = *static_cast<HttpService*>(self);
    const HostFrame frame;
    const AbiView<eco2_http_request> request(raw);
    if (!request || handler == nullptr || handler->struct_size < sizeof(eco2_http_handler) || out == nullptr) {
        return ECO2_INVALID_ARGUMENT;
    }
    *out = nullptr;
    auto built = service.read(*request);
    if (!built) {
        service.context_.doors().log.warn(
            "HTTP request of a plugin refused",
            {{"plugin", service.context_.plugin()}, {"instance", service.context_.id()}, {"reason", built.error().detail}});
        return ECO2_INVALID_ARGUMENT;
    }
    if (!service.context_.frames().enter()) {
        return ECO2_UNAVAILABLE;
    }
    return service.accept(std::move(*built), *handler, out);
}

eco2_status HttpService::accept(HttpRequest request, const eco2_http_handler& handler, eco2_http_call** out) {
    const int here = context_.doors().executor.current_thread();
    auto* exchange = new HttpExchange(context_.shared_from_this(), *this, handler, std::max(here, 0));
    {
        const std::lock_guard lock(mutex_);
        open_.insert(exchange);
    }
    *out = reinterpret_cast<eco2_http_call*>(exchange);
    exchange->add_ref();  // for the rest of this function
    Result<void> begun;
    if (here < 0) {
        exchange->begin_soon(std::move(request));
    } else {
        begun = exchange->begin(std::move(request));
    }
    if (begun && context_.are_tasks_cancelled()) {
        exchange->cancel_soon();  // it came too late for cancel_all
    }
    if (!begun) {
        *out = nullptr;
        remove(*exchange);
        exchange->drop_ref();
        exchange->drop_ref();
        context_.frames().leave();
    }
    exchange->drop_ref();
    return begun ? ECO2_OK : abi_status(begun.error().code);
}

Result<HttpRequest> HttpService::read(const eco2_http_request& from) const {
    HttpRequest request;
    request.method = text_of(from.method);
    request.url = text_of(from.url);
    request.body = text_of(from.body);
    request.response_bytes_max = from.response_bytes_max;
    if (from.deadline_ns != 0) {
        request.deadline = time_of_abi(from.deadline_ns);
    }
    if (!is_token(request.method)) {
        return fail(Errc::bad_request, "the method is not a token");
    }
    if (from.header_count > limits::kPluginHttpHeadersMax || (from.header_count > 0 && from.headers == nullptr)) {
        return fail(Errc::bad_request, "too many headers");
    }
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < from.header_count; ++i) {
        const auto name = text_of(from.headers[2 * i]);
        const bool is_owned = std::find(kOwnedByHost.begin(), kOwnedByHost.end(), to_lower_ascii(name)) != kOwnedByHost.end();
        if (!is_token(name) || is_owned) {
            return fail(Errc::bad_request, "header name not allowed: " + shorten(name, 60));
        }
        auto value = with_key(text_of(from.headers[2 * i + 1]), from.key, request.url);
        if (!value) {
            return value.error();
        }
        if (!is_header_value(*value)) {
            return fail(Errc::bad_request, "control characters in the value of header " + std::string(name));
        }
        bytes += name.size() + value->size();
        request.headers.emplace_back(name, std::move(*value));
    }
    if (bytes > limits::kUpstreamHeadBytesMax) {
        return fail(Errc::bad_request, "headers too long");
    }
    return request;
}

Result<std::string> HttpService::with_key(std::string_view value, std::uint64_t key, std::string_view url) const {
    constexpr std::string_view kPlaceholder = ECO2_KEY_PLACEHOLDER;
    std::string out(value);
    auto at = out.find(kPlaceholder);
    if (key == 0 || at == std::string::npos) {
        return out;
    }
    const auto& keys = context_.config().keys;
    if (key > keys.size()) {
        return fail(Errc::bad_request, "no key has this handle");
    }
    if (auto allowed = check_key_target(url); !allowed) {
        return allowed.error();
    }
    const auto& secret = keys[key - 1].secret;
    for (; at != std::string::npos; at = out.find(kPlaceholder, at + secret.size())) {
        out.replace(at, kPlaceholder.size(), secret);
    }
    return out;
}

Result<void> HttpService::check_key_target(std::string_view url) const {
    const auto origin = origin_of(url);
    if (!origin) {
        return origin.error();
    }
    if (origin->has_user) {
        return fail(Errc::bad_request, "a key is not sent to a URL that carries a user name");
    }
    if (std::find(key_origins_.begin(), key_origins_.end(), origin->text) == key_origins_.end()) {
        return fail(Errc::bad_request, "the instance's keys are not bound to " + origin->text);
    }
    if (origin->is_plain_http && !origin->is_loopback) {
        return fail(Errc::bad_request, "a key is not sent over plain HTTP to " + origin->text);
    }
    return {};
}

void HttpService::resume(void*, eco2_http_call* call) noexcept {
    if (call != nullptr) {
        const HostFrame frame;
        exchange_of(call)->resume_soon();
    }
}

void HttpService::cancel(void*, eco2_http_call* call) noexcept {
    if (call != nullptr) {
        const HostFrame frame;
        exchange_of(call)->cancel_soon();
    }
}

void HttpService::release(void*, eco2_http_call* call) noexcept {
    if (call != nullptr) {
        exchange_of(call)->drop_ref();
    }
}

void HttpService::remove(HttpExchange& exchange) {
    const std::lock_guard lock(mutex_);
    open_.erase(&exchange);
}

void HttpService::cancel_all() {
    std::vector<HttpExchange*> open;
    {
        const std::lock_guard lock(mutex_);
        for (auto* exchange : open_) {
            exchange->add_ref();
            open.push_back(exchange);
        }
    }
    for (auto* exchange : open) {
        exchange->cancel_soon();
        exchange->drop_ref();
    }
}

}  // namespace eco2::plugin_host
