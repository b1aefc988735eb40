#pragma once

#include "eco2/plugin/headers.hpp"
#include "eco2/plugin/result.hpp"

#include <boost/json/value.hpp>

#include <string_view>

/// What failed requests and refused steps mean, where a batch makes a difference to a live call.
namespace eco2::openai_batch {

/// A failure as a live call would have it, corrected for what only goes wrong on the way through a batch: images that the
/// provider could not download in time, and bodies that were cut between its doors, are worth another try although they come
/// with 400; an account without money is no fault of the request's.
plugin::Failure corrected(plugin::Failure failure);

/// True when the answer itself proves that the step was not done: 4xx with an error that can be read, but for the statuses that
/// are sent when somebody on the way has lost patience or two requests have met.
bool is_proof_of_nothing(int http_status, std::string_view body);

}  // namespace eco2::openai_batch
