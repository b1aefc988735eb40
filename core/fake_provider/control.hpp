#pragma once

#include "base/clock.hpp"
#include "fake_provider/accounts.hpp"
#include "fake_provider/batch_faults.hpp"
#include "fake_provider/batch_runner.hpp"
#include "fake_provider/behaviour.hpp"
#include "fake_provider/fake_options.hpp"
#include "fake_provider/ledger.hpp"
#include "fake_provider/script.hpp"

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace eco2::fake {

/// A request for an answer as the server received it.
struct Arrival {
    std::string body;
    std::string_view authorization;  // the header's value
    Dialect dialect = Dialect::chat;
    std::string path_model = {};       // Gemini: of the path
    bool is_stream = false;            // Gemini: of the path
    std::string_view api_key = {};     // the key in the header that the dialect, or Azure, has for it
    std::string_view request_id = {};  // the x-request-id header's value
};

/// The provider without its sockets: takes requests, keeps behaviour and counts, says what to send.
///
/// Thread-safety: any thread.
class Control {
public:
    Control(FakeOptions options, const Clock& clock);

    /// Decides about one answer and writes it into the ledger.
    Script answer(Arrival arrival);

    /// What a batch's line is answered: as `answer` does, with `behaviour` in place of the standing one; a model that
    /// misbehaves by its name goes before. No account is charged and nothing is counted. `number`: decides what is drawn, and
    /// the ids.
    LineAnswer answer_line(const ChatRequest& request, std::uint64_t number, const Behaviour& behaviour);

    /// Why a key is not taken; nullopt: it is. `authorization`: the header's value; `api_key`: of another header.
    std::optional<ApiFault> key_fault(std::string_view authorization, std::string_view api_key) const;

    /// Takes a JSON object: the keys of a behaviour, `script` (a list of them), `latency`, `answers`, `batch`. Behaviour and
    /// script are replaced as a whole; latency, answers and batch key by key.
    /// Errors: invalid_json, invalid_field, limit_exceeded; then nothing has changed.
    Result<void> set_behaviour(std::string_view body);
    /// Back to the options it started with; counts at zero.
    void reset();

    std::size_t script_left() const;
    const std::shared_ptr<Ledger>& ledger() const noexcept { return ledger_; }
    BatchRules& batch_rules() noexcept { return batch_rules_; }
    const FakeOptions& options() const noexcept { return options_; }
    const Clock& clock() const noexcept { return clock_; }

private:
    struct Choice {
        Behaviour behaviour;
        AccountBook::Admission admission;
        bool is_unknown_model = false;  // called like a model of faults, but there is no such fault
        Latency latency;
        std::shared_ptr<const Answers> answers;
    };
    Choice choose(const ChatRequest& request, std::string_view key, std::uint64_t number, Clock::Monotonic now);
    Behaviour behaviour_of_model(std::string_view name, const RequestFacts& facts, Choice& choice);
    Script script_of(const ChatRequest& request, const Choice& choice, Arrival& arrival, std::uint64_t number);
    void charge(Script& script, const ChatRequest& request, const Choice& choice, Clock::Monotonic now);

    const FakeOptions options_;
    const Clock& clock_;
    std::shared_ptr<Ledger> ledger_ = std::make_shared<Ledger>();
    BatchRules batch_rules_;
    mutable std::mutex mutex_;  // guards what follows
    BehaviourBook book_;
    AccountBook accounts_;
    FirstAttempts attempted_;  // of the models that misbehave by their name
    Clock::Monotonic since_;   // the start or the last reset
    Latency latency_;
    std::shared_ptr<const Answers> answers_;
};

}  // namespace eco2::fake
