#pragma once

#include "reward_character/catalogue.hpp"

#include "eco2/plugin/result.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace reward_character {

/// Decides whether a correctly sorted recyclable earns a character. The conditions, in this order; the first that does not hold
/// gives the reason:
///   feature_disabled           rewards are switched off
///   classification_incomplete  major or middle class is empty
///   not_recyclable             the major class is another one
///   no_rule                    there is no disposal rule for it
///   insufficient               something is still wrong: an entry of `insufficiencies` that is not blank
///   no_match                   no character belongs to the middle class
/// White space around class names does not count.
/// Thread-safety: immutable, any thread. Blocks: never.
class RewardPolicy {
public:
    struct Options {
        bool is_enabled = true;
        std::string recyclable_major;
    };

    RewardPolicy(Catalogue catalogue, Options options) : catalogue_(std::move(catalogue)), options_(std::move(options)) {}

    /// input_json: {"classification": {"major_category", "middle_category", "minor_category": text or null} or null,
    ///              "has_rule": boolean, "insufficiencies": [text] or null or absent}; other keys do not matter.
    /// Returns {"reward": {"name","dialog","match_reason","type"} or null, "reason": text or null,
    ///          "grant": {"code","name"} or null}; match_reason is `middle>minor`, or `middle` where there is no minor class.
    /// Errors: `bad_input`, with the name of the field: anything of another type, `has_rule` missing, not JSON.
    eco2::plugin::Result<std::string> decide(std::string_view input_json) const;

    std::size_t character_count() const { return catalogue_.size(); }

private:
    Catalogue catalogue_;
    Options options_;
};

}  // namespace reward_character
