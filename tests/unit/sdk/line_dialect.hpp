#pragma once

#include "eco2/plugin/http_dialect.hpp"
#include "eco2/plugin/plugin.hpp"

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace eco2::tests {

/// The smallest dialect: each line of the body is a text delta, "end" ends the answer, "fail" and "throw" do what they say.
class LineDecoder final : public plugin::Decoder {
public:
    plugin::Result<void> feed(std::string_view bytes, plugin::DeltaWriter& out) override {
        for (const char byte : bytes) {
            if (byte != '\n') {
                line_ += byte;
                continue;
            }
            if (line_ == "fail") {
                return plugin::provider_fault("malformed", "a line that says fail");
            }
            if (line_ == "throw") {
                throw std::runtime_error("a line that says throw");
            }
            if (line_ == "end") {
                has_ended_ = true;
            } else {
                out.text(line_);
            }
            line_.clear();
        }
        return {};
    }
    plugin::Result<plugin::FinishReason> finish(plugin::DeltaWriter&) override {
        if (!has_ended_) {
            return plugin::provider_fault("cut", "the answer has no end");
        }
        return plugin::FinishReason::stop;
    }
    bool has_ended() const noexcept override { return has_ended_; }

private:
    std::string line_;
    bool has_ended_ = false;
};

class LineDialect final : public plugin::Plugin<plugin::HttpDialect> {
public:
    static constexpr std::string_view kId = "lines";
    static constexpr std::string_view kVersion = "1";
    static constexpr std::string_view kSchema = "{}";

    static plugin::Result<std::unique_ptr<LineDialect>> create(const plugin::Host& host, std::string_view) {
        return std::make_unique<LineDialect>(host);
    }
    explicit LineDialect(const plugin::Host& host) : Plugin(host) {}

    plugin::Result<plugin::HttpRequest> encode(const plugin::GenerateRequest& request) override {
        if (request.model() == "encode fails") {
            return plugin::fail(plugin::Status::invalid_argument, "bad", "cannot be encoded");
        }
        if (request.model() == "encode throws") {
            throw std::runtime_error("thrown in encode");
        }
        plugin::HttpRequest http;
        http.url = "https://upstream.test/" + std::string(request.request_id());
        http.body = "ask";
        return http;
    }
    std::unique_ptr<plugin::Decoder> decoder(const plugin::GenerateRequest& request) override {
        if (request.model() == "decoder throws") {
            throw std::runtime_error("thrown in decoder");
        }
        if (request.model() == "no decoder") {
            return nullptr;
        }
        return std::make_unique<LineDecoder>();
    }
    plugin::Failure classify_error(int status, const plugin::Headers& headers, std::string_view body) override {
        plugin::Failure failure = plugin::fail(
            plugin::Status::unavailable,
            "upstream",
            std::to_string(status) + ' ' + std::string(headers.find("x-request-id")) + ' ' + std::to_string(body.size()));
        failure.error_class = status == 429 ? plugin::ErrorClass::limited : plugin::ErrorClass::provider_fault;
        return failure;
    }
};

}  // namespace eco2::tests
