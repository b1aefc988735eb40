#pragma once

#include "base/executor.hpp"
#include "fake_provider/ledger.hpp"
#include "fake_provider/script.hpp"
#include "net/server.hpp"

#include <memory>

namespace eco2::fake {

/// Plays `script` to the client behind `exchange`. Returns at once; keeps itself alive until the end.
///
/// Thread-safety: the exchange's I/O thread.
/// Lifetime:      `executor` outlives the reply. A reply that is meant to be silent ends after limits::kFakeDelayMsMax.
void play(Script script,
          std::shared_ptr<net::ServerExchange> exchange,
          std::shared_ptr<OpenRequest> request,
          Executor& executor);

}  // namespace eco2::fake
