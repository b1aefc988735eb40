#pragma once

#include "routing/target_board.hpp"
#include "support/manual_executor.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace eco2::routing {

using namespace std::chrono_literals;
using Why = TargetBoard::Denial::Why;
using Outcome = TargetBoard::Pass::Outcome;

inline CallError fault(FaultClass fault_class, long retry_after_ms = -1) {
    CallError error;
    error.fault = fault_class;
    error.error.retry_after_ms = retry_after_ms;
    return error;
}

/// A board of three providers in virtual time.
class BoardTest : public testing::Test {
protected:
    BoardTest() {
        definition_.providers = {
            {"alone", {}}, {"pair", {{"k1", "shared", {}}, {"k2", "shared", {}}}}, {"two", {{"k1", "", {}}, {"k2", "", {}}}}};
    }

    TargetBoard& board() {
        if (!board_) {
            board_.emplace(definition_, clock_, 1);
        }
        return *board_;
    }
    TargetBoard::Want want(std::string_view provider) const {
        TargetBoard::Want made;
        made.provider = provider;
        made.model = "m";
        return made;
    }
    /// Null: denied; see denial_.
    std::unique_ptr<TargetBoard::Pass> ask(const TargetBoard::Want& wanted) {
        auto answer = board().ask(wanted);
        if (auto* pass = std::get_if<0>(&answer)) {
            return std::move(*pass);
        }
        denial_ = std::get<1>(answer);
        return nullptr;
    }
    std::unique_ptr<TargetBoard::Pass> ask(std::string_view provider) { return ask(want(provider)); }
    /// One attempt; false: it was denied.
    bool attempt(std::string_view provider, FaultClass fault_class, long retry_after_ms = -1) {
        const auto pass = ask(provider);
        if (pass == nullptr) {
            return false;
        }
        const auto error = fault(fault_class, retry_after_ms);
        pass->settle(fault_class == FaultClass::none ? Outcome{Outcome::Kind::answered, nullptr, false, 5, 100ms}
                                                     : Outcome{Outcome::Kind::failed, &error, false, -1, -1ns});
        return true;
    }
    bool answered(std::string_view provider) { return attempt(provider, FaultClass::none); }
    std::chrono::milliseconds wait() const {
        return std::chrono::ceil<std::chrono::milliseconds>(denial_.ready_at - clock_.now());
    }
    std::string state_of(std::string_view provider, std::string_view key, std::string_view model) {
        for (const auto& row : board().status()) {
            if (row.provider == provider && row.key == key && row.model == model) {
                return row.state;
            }
        }
        return "no row";
    }

    test::ManualClock clock_;
    RoutingDefinition definition_;
    std::optional<TargetBoard> board_;
    TargetBoard::Denial denial_;
};

}  // namespace eco2::routing
