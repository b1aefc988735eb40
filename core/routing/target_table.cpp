#include "routing/target_table.hpp"

#include "base/limits.hpp"
#include "routing/accounting.hpp"

#include <algorithm>
#include <functional>

namespace eco2::routing {
namespace {

constexpr int kForgetLooks = 64;  // busy targets that one use passes over in search of an idle one

RateQuota model_quota(const Account& account, std::string_view model) {
    if (account.definition != nullptr) {
        for (const auto& quota : account.definition->models) {
            if (glob_matches(quota.match, model)) {
                return quota.quota;
            }
        }
    }
    return {};
}

bool is_idle(const Target& target) {
    return target.pins == 0;
}

}  // namespace

std::size_t TargetTable::NameHash::operator()(const Name& name) const noexcept {
    const std::hash<std::string_view> hash;
    return hash(name.model) * 31 + hash(name.provider);
}

TargetTable::TargetTable(const RoutingDefinition& definition) {
    for (const auto& account : definition.accounts) {
        accounts_.try_emplace(account.id, Account{account.id, QuotaMeter(account.quota), &account});
    }
    for (const auto& declared : definition.providers) {
        auto& made = providers_.try_emplace(declared.id).first->second;
        made.id = declared.id;
        made.is_declared = true;
        for (const auto& key : declared.keys) {
            add_key(made, key, declared.id + "/" + key.id);
        }
        if (declared.keys.empty()) {
            add_key(made, {}, declared.id);
        }
    }
}

Account& TargetTable::account(std::string_view id) {
    const auto found = accounts_.find(id);
    return found != accounts_.end()
               ? found->second
               : accounts_.try_emplace(std::string(id), Account{std::string(id), {}, nullptr}).first->second;
}

void TargetTable::add_key(Provider& provider, const KeyDefinition& definition, std::string own_account) {
    auto& shared = account(definition.account.empty() ? own_account : definition.account);
    const auto place = static_cast<std::uint32_t>(provider.keys.size());
    provider.keys.push_back({definition.id, place, &shared, QuotaMeter(definition.quota), {}, 0});
}

Provider& TargetTable::provider(std::string_view id) {
    if (const auto found = providers_.find(id); found != providers_.end()) {
        return found->second;
    }
    auto& made = providers_.try_emplace(std::string(id)).first->second;
    made.id = id;
    add_key(made, {}, made.id);
    return made;
}

const std::shared_ptr<QuotaMeter>& TargetTable::model_meter(const Account& account, const std::string& model) {
    auto& meter = model_meters_[{&account, model}];
    if (meter == nullptr) {
        meter = std::make_shared<QuotaMeter>(model_quota(account, model));
    }
    return meter;
}

void TargetTable::add_lanes(Target& target) {
    for (auto& key : target.provider->keys) {
        auto group = std::find_if(
            target.groups.begin(), target.groups.end(), [&](const auto& known) { return known.account == key.account; });
        if (group == target.groups.end()) {
            group = target.groups.insert(group, {key.account, model_meter(*key.account, target.model), {}});
        }
        group->lanes.push_back(target.lanes.size());
        auto& lane = target.lanes.emplace_back();
        lane.key = &key;
        lane.group = static_cast<std::size_t>(group - target.groups.begin());
    }
}

Target& TargetTable::use(std::string_view provider_id, std::string_view model) {
    if (const auto found = by_name_.find(Name{provider_id, model}); found != by_name_.end()) {
        targets_.splice(targets_.begin(), targets_, found->second);
        return *found->second;
    }
    forget_idle();
    auto& target = targets_.emplace_front();
    target.provider = &provider(provider_id);
    target.model = model;
    add_lanes(target);
    by_name_.emplace(Name{target.provider->id, target.model}, targets_.begin());
    return target;
}

const Target* TargetTable::find(std::string_view provider_id, std::string_view model) const {
    const auto found = by_name_.find(Name{provider_id, model});
    return found == by_name_.end() ? nullptr : &*found->second;
}

void TargetTable::forget_idle() {
    auto oldest = targets_.end();
    for (int looks = 0; targets_.size() >= limits::kTargetsKept && looks < kForgetLooks && oldest != targets_.begin();
         ++looks) {
        --oldest;
        if (is_idle(*oldest)) {
            forget(oldest++);
        }
    }
}

void TargetTable::forget(std::list<Target>::iterator target) {
    for (auto& group : target->groups) {
        const std::weak_ptr<QuotaMeter> meter = std::exchange(group.model, nullptr);
        if (meter.use_count() == 1) {
            model_meters_.erase({group.account, target->model});
        }
    }
    by_name_.erase(Name{target->provider->id, target->model});
    targets_.erase(target);
}

void TargetTable::inherit(const TargetTable& old) {
    for (auto& [id, known] : accounts_) {
        if (const auto before = old.accounts_.find(id); before != old.accounts_.end()) {
            known.meter.inherit(before->second.meter);
        }
    }
    for (auto& [id, known] : providers_) {
        const auto before = old.providers_.find(id);
        for (auto& key : known.keys) {
            for (const auto& old_key : before != old.providers_.end() ? before->second.keys : std::deque<Key>()) {
                if (old_key.id == key.id) {
                    key.meter.inherit(old_key.meter);
                    key.health.inherit(old_key.health);
                }
            }
        }
    }
    for (auto target = old.targets_.rbegin(); target != old.targets_.rend(); ++target) {
        const auto known = providers_.find(target->provider->id);
        if (known != providers_.end() && known->second.is_declared) {
            inherit_target(*target);
        }
    }
}

void TargetTable::inherit_target(const Target& old) {
    auto& target = use(old.provider->id, old.model);
    target.pulse = old.pulse;
    for (const auto& before : old.groups) {
        for (auto& group : target.groups) {
            if (group.account->id == before.account->id) {
                group.model->inherit(*before.model);
            }
        }
    }
    for (const auto& before : old.lanes) {
        for (auto& lane : target.lanes) {
            if (lane.key->id == before.key->id) {
                lane.breaker.inherit(before.breaker);
            }
        }
    }
}

}  // namespace eco2::routing
