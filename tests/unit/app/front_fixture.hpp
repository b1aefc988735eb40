#pragma once

#include "app/front_door.hpp"
#include "support/manual_executor.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace eco2::app {

/// A provider whose calls do what the test tells them to.
class FakeProvider final : public ProviderDoor {
public:
    class FakeCall final : public Call {
    public:
        FakeCall(FakeProvider& owner, std::size_t place) : owner_(owner), place_(place) {}
        ~FakeCall() override {
            owner_.open[place_] = nullptr;
            ++owner_.dropped;
        }
        void resume() override { ++owner_.resumed; }
        void cancel() override {}

    private:
        FakeProvider& owner_;
        const std::size_t place_;
    };

    StartedCall generate(std::shared_ptr<const GenerateRequest> request, CallObserver& observer) override {
        requests.push_back(std::move(request));
        if (refusal) {
            return *refusal;
        }
        open.push_back(&observer);
        return std::unique_ptr<Call>(std::make_unique<FakeCall>(*this, open.size() - 1));
    }
    std::string_view name() const noexcept override { return "fake"; }
    Capabilities capabilities() const noexcept override { return can; }

    CallObserver& call(std::size_t place = 0) {
        EXPECT_LT(place, open.size());
        EXPECT_NE(open[place], nullptr);
        return *open[place];
    }
    bool is_open(std::size_t place = 0) const { return place < open.size() && open[place] != nullptr; }

    std::vector<std::shared_ptr<const GenerateRequest>> requests;
    std::vector<CallObserver*> open;  // null: over
    int dropped = 0;
    int resumed = 0;
    std::optional<Error> refusal;
    Capabilities can{.has_vision = true, .has_json_schema = true, .has_streaming = true, .has_tools = true, .has_chat = true};
};

/// A connection as the front door sees it.
struct FakeClient final : net::Waker {
    ~FakeClient() = default;
    void wake() noexcept override { ++wakes; }

    std::optional<net::ServerResponse> reply;
    std::optional<net::ServerResponse> head;
    std::unique_ptr<net::BodySource> source;
    std::function<void()> gone;
    std::string body;  // of a stream, as far as pulled
    bool has_ended = false;
    int wakes = 0;
    bool fails_at_stream = false;

    void pull() {
        if (source != nullptr && !has_ended) {
            has_ended = source->pull(body) == net::BodySource::Pull::ended;
            if (has_ended) {
                source.reset();
            }
        }
    }
    void leave() {
        if (const auto left = std::move(source)) {
            left->on_client_gone();
        } else if (const auto callback = std::exchange(gone, nullptr)) {
            callback();
        }
    }
    std::string header(std::string_view name) const {
        for (const auto* response : {reply ? &*reply : nullptr, head ? &*head : nullptr}) {
            for (const auto& [known, value] : response == nullptr ? net::ServerResponse().headers : response->headers) {
                if (known == name) {
                    return value;
                }
            }
        }
        return {};
    }
};

class FakeExchange final : public net::ServerExchange {
public:
    FakeExchange(std::shared_ptr<FakeClient> client, net::ServerRequest request)
        : client_(std::move(client)), request_(std::move(request)) {}

    net::ServerRequest& request() noexcept override { return request_; }
    void respond(net::ServerResponse response) override { client_->reply = std::move(response); }
    void stream(net::ServerResponse head, std::unique_ptr<net::BodySource> source, std::chrono::milliseconds) override {
        client_->head = std::move(head);
        client_->gone = nullptr;
        if (client_->fails_at_stream) {
            source->on_client_gone();
            return;
        }
        client_->source = std::move(source);
        client_->source->set_waker(client_.get());
    }
    void on_client_gone(std::function<void()> callback) override { client_->gone = std::move(callback); }

private:
    const std::shared_ptr<FakeClient> client_;
    net::ServerRequest request_;
};

}  // namespace eco2::app
