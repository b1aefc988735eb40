#pragma once

#include "openai_batch/dialect.hpp"

#include "eco2/testing/fake_host.hpp"
#include "eco2/testing/test_instance.hpp"
#include "eco2/testing/test_request.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eco2::tests {

inline constexpr std::string_view kBatchConfig = R"({"base_url":"https://api.test/v1/"})";

inline std::string_view text_of(eco2_str text) {
    return plugin::from_abi(text);
}

/// The plugin through its ABI. Each function gives what its callback was given, in the form that tests compare.
struct BatchPlugin {
    explicit BatchPlugin(std::string_view config = kBatchConfig)
        : instance(host, plugin::descriptor<openai_batch::Dialect>(), config), table(instance.batch_provider()) {}

    /// Empty: refused.
    std::string encode(std::string_view custom_id = "i1") {
        forget();
        struct Both {
            BatchPlugin* self;
            std::string line;
        } both{this, {}};
        status = table->encode_line(
            table->self,
            request.abi(),
            plugin::to_abi(custom_id),
            &both,
            [](void* to, eco2_str text) { static_cast<Both*>(to)->line = text_of(text); },
            [](void* to, const eco2_error* told) { static_cast<Both*>(to)->self->keep(*told); });
        return both.line;
    }

    /// `look` is called with the answer, if there is one.
    bool read(std::string_view line, const std::function<void(const eco2_batch_answer&)>& look = {}) {
        return run<eco2_batch_answer>(look, [&](auto* ctx, auto take, auto on_error) {
            return table->read_line(table->self, plugin::to_abi(line), ctx, take, on_error);
        });
    }

    bool write(const eco2_batch_ask& ask, const std::function<void(const eco2_batch_request&)>& look = {}) {
        return run<eco2_batch_request>(look, [&](auto* ctx, auto take, auto on_error) {
            return table->write_step(table->self, &ask, ctx, take, on_error);
        });
    }

    bool reply(std::int32_t step,
               int http_status,
               std::string_view body,
               const std::function<void(const eco2_batch_reply&)>& look = {},
               std::vector<std::string_view> headers = {}) {
        std::vector<eco2_str> pairs;
        for (const std::string_view text : headers) {
            pairs.push_back(plugin::to_abi(text));
        }
        const eco2_batch_response response{
            sizeof(eco2_batch_response), step, http_status, 0, pairs.data(), pairs.size() / 2, plugin::to_abi(body)};
        return run<eco2_batch_reply>(look, [&](auto* ctx, auto take, auto on_error) {
            return table->read_reply(table->self, &response, ctx, take, on_error);
        });
    }

    static eco2_batch_ask ask(std::int32_t step) {
        eco2_batch_ask made{};
        made.struct_size = sizeof made;
        made.step = step;
        made.key = 1;
        return made;
    }

    testing::FakeHost host;
    testing::TestInstance instance;
    const eco2_batch_provider* table;
    testing::TestRequest request;
    eco2_status status = ECO2_OK;
    plugin::Failure error;  // of the last function
    int taken = 0;          // callbacks of the last function

private:
    void forget() {
        error = {};
        taken = 0;
    }
    void keep(const eco2_error& told) {
        ++taken;
        error = plugin::from_abi(told);
    }
    template <class Struct, class Run>
    bool run(const std::function<void(const Struct&)>& look, Run&& call) {
        forget();
        struct Both {
            BatchPlugin* self;
            const std::function<void(const Struct&)>* look;
        } both{this, &look};
        status = call(
            static_cast<void*>(&both),
            +[](void* to, const Struct* told) {
                auto& ctx = *static_cast<Both*>(to);
                ++ctx.self->taken;
                if (*ctx.look) {
                    (*ctx.look)(*told);
                }
            },
            +[](void* to, const eco2_error* told) { static_cast<Both*>(to)->self->keep(*told); });
        EXPECT_EQ(taken, 1);
        return status == ECO2_OK;
    }
};

}  // namespace eco2::tests
