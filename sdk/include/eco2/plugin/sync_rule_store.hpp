#pragma once

#include "eco2/abi/rule_store.h"
#include "eco2/plugin/detail/sync_call.hpp"
#include "eco2/plugin/json_text.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace eco2::plugin {
inline namespace draft_2 {

struct Rule {
    std::string json;  // the rule itself
    std::string id;
    std::int64_t version = 0;  // of the store as a whole
};

/// A rule store that answers synchronously (interface eco2.draft.rule_store/0).
///
/// Thread-safety: snapshot and lookup run on many threads at once.
class SyncRuleStore {
public:
    static constexpr std::string_view kInterfaceId = ECO2_RULE_STORE_ID;

    /// The rules as they were at one moment; derive from it and keep in it what lookup needs. Immutable once handed out.
    class Snapshot {
    public:
        Snapshot() = default;
        Snapshot(const Snapshot&) = delete;
        Snapshot& operator=(const Snapshot&) = delete;
        virtual ~Snapshot() = default;
    };

    /// Today's rules; a run keeps them until it ends. Never null once started. Blocks: never.
    virtual std::shared_ptr<const Snapshot> snapshot() = 0;

    /// `key` (may be empty) is tried first together with `category`, then category alone. nullopt: no such rule.
    /// Both are data from a model: never part of a path or a statement.
    virtual Result<std::optional<Rule>> lookup(const Snapshot& snapshot, std::string_view category, std::string_view key) = 0;

    const void* table() const noexcept { return &table_; }

protected:
    explicit SyncRuleStore(const Host& host) noexcept : host_(host) {
        table_.self = this;
        table_.acquire = [](void* self) noexcept { return from(self).acquire(); };
        table_.drop = [](void*, const eco2_rule_snapshot* pin) noexcept { delete reinterpret_cast<const Pin*>(pin); };
        table_.lookup = [](void* self, const eco2_rule_query* query, const eco2_sink* sink, const eco2_call** out) noexcept {
            return from(self).start(query, sink, out);
        };
    }
    SyncRuleStore(const SyncRuleStore&) = delete;
    SyncRuleStore& operator=(const SyncRuleStore&) = delete;
    ~SyncRuleStore() = default;

    /// For stores whose lookup touches only memory: runs on the asking thread, without a hop. Call from the constructor.
    void set_pure_memory() noexcept { where_ = RunsOn::caller; }

private:
    using Pin = std::shared_ptr<const Snapshot>;

    static SyncRuleStore& from(void* self) noexcept { return *static_cast<SyncRuleStore*>(self); }

    const eco2_rule_snapshot* acquire() noexcept {
        Pin* pin = nullptr;
        detail::swallowed([&] {
            if (Pin taken = snapshot()) {
                pin = new Pin(std::move(taken));
            }
        });
        return reinterpret_cast<const eco2_rule_snapshot*>(pin);
    }

    eco2_status start(const eco2_rule_query* query, const eco2_sink* sink, const eco2_call** out) noexcept {
        *out = nullptr;
        if (!detail::covers(query) || query->snapshot == nullptr) {
            return ECO2_INVALID_ARGUMENT;
        }
        return detail::start_sync(
            host_, where_, sink, out, [this, query](DeltaWriter& writer, StopToken) { return answer(*query, writer); });
    }

    Result<FinishReason> answer(const eco2_rule_query& query, DeltaWriter& writer) {
        const Pin& pin = *reinterpret_cast<const Pin*>(query.snapshot);
        const Result<std::optional<Rule>> found = lookup(*pin, from_abi(query.category), from_abi(query.key));
        if (!found) {
            return found.error();
        }
        if (*found) {
            std::string about = R"({"id":")";
            append_json_escaped(about, (*found)->id);
            about += R"(","version":)" + std::to_string((*found)->version) + '}';
            writer.result((*found)->json, about);
        }
        return FinishReason::none;
    }

    eco2_rule_store table_ = detail::sized<eco2_rule_store>();
    Host host_;
    RunsOn where_ = RunsOn::blocking_pool;
};

/// A rule store that can replace all its rules by the files of a directory (interface eco2.draft.rule_import/0).
class RuleImport {
public:
    static constexpr std::string_view kInterfaceId = ECO2_RULE_IMPORT_ID;

    /// Atomic: all or nothing. Returns {"imported":N,"version":N}. Runs on the blocking pool.
    virtual Result<std::string> import_directory(std::string_view directory) = 0;

    const void* table() const noexcept { return &table_; }

protected:
    explicit RuleImport(const Host& host) noexcept : host_(host) {
        table_.self = this;
        table_.import_directory = [](void* self, eco2_str directory, const eco2_sink* sink, const eco2_call** out) noexcept {
            return static_cast<RuleImport*>(self)->start(directory, sink, out);
        };
    }
    RuleImport(const RuleImport&) = delete;
    RuleImport& operator=(const RuleImport&) = delete;
    ~RuleImport() = default;

private:
    eco2_status start(eco2_str directory, const eco2_sink* sink, const eco2_call** out) noexcept {
        *out = nullptr;
        std::string path;  // the argument is borrowed for this call only
        try {
            path = from_abi(directory);
        } catch (...) {
            return ECO2_RESOURCE_EXHAUSTED;
        }
        const auto work = [this, kept = std::move(path)](DeltaWriter& writer, StopToken) -> Result<FinishReason> {
            Result<std::string> outcome = import_directory(kept);
            if (!outcome) {
                return std::move(outcome).error();
            }
            writer.result(*outcome);
            return FinishReason::none;
        };
        return detail::start_sync(host_, RunsOn::blocking_pool, sink, out, work);
    }

    eco2_rule_import table_ = detail::sized<eco2_rule_import>();
    Host host_;
};

}  // namespace draft_2
}  // namespace eco2::plugin
