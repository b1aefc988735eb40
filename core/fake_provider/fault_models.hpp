#pragma once

#include "fake_provider/behaviour.hpp"

#include <optional>
#include <string>
#include <string_view>

/// Models that misbehave by their name, so that any gateway can be tested without a control call: `fault-NAME`, or
/// `fault-NAME:ANYTHING` for a model with first attempts of its own.
namespace eco2::fake {

/// NAME of a model that is called like one of ours; nullopt: it is not.
std::optional<std::string_view> fault_model_name(std::string_view model);

/// What NAME does. `scale` multiplies its times. nullopt: there is no such fault.
std::optional<Behaviour> fault_model(std::string_view name, double scale);

/// All names, with blanks between them.
std::string fault_model_names();
/// One line each, for people.
std::string fault_model_help();

}  // namespace eco2::fake
