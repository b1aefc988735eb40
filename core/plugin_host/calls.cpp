#include "plugin_host/calls.hpp"

#include "plugin_host/abi_request.hpp"
#include "plugin_host/call_core.hpp"
#include "plugin_host/plugin_frame.hpp"

#include <cstddef>
#include <string>
#include <utility>

namespace eco2::plugin_host {
namespace {

class GenerateCall final : public CallCore {
public:
    GenerateCall(std::shared_ptr<InstanceContext> context,
                 const eco2_provider& table,
                 bool takes_chat,
                 std::shared_ptr<const GenerateRequest> request,
                 CallObserver& observer)
        : CallCore(std::move(context), CallFamily::provider, "generate", observer),
          table_(table),
          request_(std::move(request)),
          arena_(request_->messages),
          abi_(abi_request(*request_, arena_, this->context().config().keys.empty() ? 0U : 1U + request_->key, takes_chat)) {}

private:
    eco2_status begin(const eco2_sink& sink, const eco2_call** out) override {
        return table_.generate(table_.self, &abi_, &sink, out);
    }
    void drop_request() noexcept override {
        request_.reset();
        arena_.reset();
    }

    const eco2_provider& table_;
    std::shared_ptr<const GenerateRequest> request_;
    MessageArena arena_;
    const eco2_generate_request abi_;
};

/// The order that a router tells, index by index.
class Placed {
public:
    explicit Placed(std::size_t count) : is_placed_(count, false) {}

    static void take(void* self, std::size_t index) noexcept {
        auto& placed = *static_cast<Placed*>(self);
        if (index < placed.is_placed_.size() && !placed.is_placed_[index]) {
            placed.is_placed_[index] = true;
            placed.order_.push_back(index);
        }
    }
    std::vector<std::size_t> whole() && {
        for (std::size_t i = 0; i < is_placed_.size(); ++i) {
            take(this, i);
        }
        return std::move(order_);
    }

private:
    std::vector<bool> is_placed_;
    std::vector<std::size_t> order_;
};

/// A pin on a store's rules. Holds the instance's gate: what pins rules may still ask for them.
class PluginSnapshot final : public RuleSnapshot {
public:
    PluginSnapshot(std::shared_ptr<InstanceContext> context, const eco2_rule_store& table, const eco2_rule_snapshot* snapshot)
        : context_(std::move(context)), table_(table), snapshot_(snapshot) {}
    ~PluginSnapshot() override {
        try {
            const PluginFrame frame(*context_, "drop");
            table_.drop(table_.self, snapshot_);
        } catch (...) {
            context_->note_violation("an exception crossed the boundary", "drop");
        }
        context_->calls().leave();
    }
    PluginSnapshot(const PluginSnapshot&) = delete;
    PluginSnapshot& operator=(const PluginSnapshot&) = delete;

    const eco2_rule_snapshot* get() const noexcept { return snapshot_; }

private:
    std::shared_ptr<InstanceContext> context_;
    const eco2_rule_store& table_;
    const eco2_rule_snapshot* snapshot_;
};

class LookupCall final : public CallCore {
public:
    LookupCall(std::shared_ptr<InstanceContext> context,
               const eco2_rule_store& table,
               std::shared_ptr<const RuleSnapshot> snapshot,
               RuleQuery query,
               CallObserver& observer)
        : CallCore(std::move(context), CallFamily::rule_store, "lookup", observer),
          table_(table),
          snapshot_(std::move(snapshot)),
          query_(std::move(query)) {
        abi_ = {.struct_size = sizeof(eco2_rule_query),
                .reserved = 0,
                .deadline_ns = abi_time(query_.deadline),
                .snapshot = static_cast<const PluginSnapshot&>(*snapshot_).get(),
                .request_id = abi_text(query_.request_id),
                .category = abi_text(query_.category),
                .key = abi_text(query_.key)};
    }

private:
    eco2_status begin(const eco2_sink& sink, const eco2_call** out) override {
        return table_.lookup(table_.self, &abi_, &sink, out);
    }
    void drop_request() noexcept override { snapshot_.reset(); }

    const eco2_rule_store& table_;
    std::shared_ptr<const RuleSnapshot> snapshot_;
    RuleQuery query_;
    eco2_rule_query abi_{};
};

class ImportCall final : public CallCore {
public:
    ImportCall(std::shared_ptr<InstanceContext> context,
               const eco2_rule_import& table,
               std::string directory,
               CallObserver& observer)
        : CallCore(std::move(context), CallFamily::rule_store, "import_directory", observer),
          table_(table),
          directory_(std::move(directory)) {}

private:
    eco2_status begin(const eco2_sink& sink, const eco2_call** out) override {
        return table_.import_directory(table_.self, abi_text(directory_), &sink, out);
    }
    void drop_request() noexcept override {}

    const eco2_rule_import& table_;
    std::string directory_;
};

class DecideCall final : public CallCore {
public:
    DecideCall(std::shared_ptr<InstanceContext> context,
               const eco2_reward& table,
               RewardRequest request,
               CallObserver& observer)
        : CallCore(std::move(context), CallFamily::reward, "decide", observer), table_(table), request_(std::move(request)) {
        abi_ = {.struct_size = sizeof(eco2_reward_request),
                .reserved = 0,
                .deadline_ns = abi_time(request_.deadline),
                .request_id = abi_text(request_.request_id),
                .user_id = abi_text(request_.user_id),
                .input_json = abi_text(request_.input_json)};
    }

private:
    eco2_status begin(const eco2_sink& sink, const eco2_call** out) override {
        return table_.decide(table_.self, &abi_, &sink, out);
    }
    void drop_request() noexcept override {}

    const eco2_reward& table_;
    RewardRequest request_;
    eco2_reward_request abi_{};
};

}  // namespace

StartedCall PluginProvider::generate(std::shared_ptr<const GenerateRequest> request, CallObserver& observer) {
    return start_call(new GenerateCall(context_, table_, capabilities_.has_chat, std::move(request), observer));
}

std::vector<std::size_t> PluginRouter::order(const OrderQuery& query) {
    const auto& candidates = *query.candidates;
    std::vector<eco2_candidate> abi;
    std::vector<const eco2_candidate*> pointers;
    abi.reserve(candidates.size());
    for (const auto& candidate : candidates) {
        abi.push_back({.struct_size = sizeof(eco2_candidate),
                       .reserved = 0,
                       .provider = abi_text(candidate.provider),
                       .model = abi_text(candidate.model),
                       .weight = candidate.weight,
                       .priority = candidate.priority,
                       .latency_us = candidate.latency_us,
                       .in_flight = candidate.in_flight,
                       .failure_share = candidate.failure_share});
        pointers.push_back(&abi.back());
    }
    const eco2_order_query asked = {.struct_size = sizeof(eco2_order_query),
                                    .reserved = 0,
                                    .request_id = abi_text(query.request_id),
                                    .route = abi_text(query.route),
                                    .random = query.random,
                                    .prefix_hash = query.prefix_hash,
                                    .candidates = pointers.data(),
                                    .candidate_count = pointers.size()};
    Placed placed(candidates.size());
    if (context_->calls().enter()) {
        try {
            const PluginFrame frame(*context_, "order");
            if (table_.order(table_.self, &asked, &placed, &Placed::take) != ECO2_OK) {
                placed = Placed(candidates.size());
            }
        } catch (...) {
            context_->note_violation("an exception crossed the boundary", "order");
            placed = Placed(candidates.size());
        }
        context_->calls().leave();
    }
    return std::move(placed).whole();
}

Result<std::shared_ptr<const RuleSnapshot>> PluginRuleStore::acquire() {
    if (!context_->calls().enter()) {
        return fail(Errc::draining, "instance " + context_->id() + " is stopping");
    }
    const eco2_rule_snapshot* snapshot = nullptr;
    std::string_view broken = "acquire gave no snapshot";
    try {
        const PluginFrame frame(*context_, "acquire");
        snapshot = table_.acquire(table_.self);
    } catch (...) {
        broken = "an exception crossed the boundary";
    }
    if (snapshot == nullptr) {
        context_->note_violation(broken, "acquire");
        context_->calls().leave();
        return fail(Errc::rule_store_failed, "instance " + context_->id() + " could not pin its rules");
    }
    return std::shared_ptr<const RuleSnapshot>(std::make_shared<PluginSnapshot>(context_, table_, snapshot));
}

StartedCall PluginRuleStore::lookup(std::shared_ptr<const RuleSnapshot> snapshot, RuleQuery query, CallObserver& observer) {
    return start_call(new LookupCall(context_, table_, std::move(snapshot), std::move(query), observer));
}

StartedCall PluginRuleStore::import_directory(std::string directory, CallObserver& observer) {
    if (import_ == nullptr) {
        return fail(Errc::plugin_failed, "instance " + context_->id() + " cannot import rules");
    }
    return start_call(new ImportCall(context_, *import_, std::move(directory), observer));
}

StartedCall PluginReward::decide(RewardRequest request, CallObserver& observer) {
    return start_call(new DecideCall(context_, table_, std::move(request), observer));
}

}  // namespace eco2::plugin_host
