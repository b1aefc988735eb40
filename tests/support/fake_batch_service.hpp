#pragma once

#include "fake_provider/batch_api.hpp"
#include "fake_provider/control.hpp"
#include "fake_provider/movable_clock.hpp"

#include <boost/json/object.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eco2::test {

/// OpenAI's Files and Batches APIs in a test's own process, without sockets: what a test's transport asks in place of the wire.
///
/// Time stands still but for `advance`. Before each answer all that is due is done, so that the same requests at the same times
/// give the same answers, ids and bill. Faults and settings: core/fake_provider/README.md, "Batches".
///
/// Thread-safety: any thread.
class FakeBatchService {
public:
    using Headers = std::vector<std::pair<std::string, std::string>>;

    /// What the client sees of a reply.
    struct Answer {
        enum class End {
            whole,     // a whole reply
            no_reply,  // the connection ended without a byte; what was asked for may be done or not
            cut,       // the connection ended within the body
            silence,   // the connection stays, and no byte comes: the client's time-out
        };
        End end = End::whole;
        int status = 0;          // 0: no reply
        Headers headers;         // names in lower case; content-length as it was told, also where the body is cut
        std::int64_t bytes = 0;  // of the body, as far as it came

        /// The body as far as it came.
        std::string body() const;
        /// Gives it piece by piece until `take` says false, and then says so too: a result file may have 200 MB.
        bool read_body(const std::function<bool(std::string_view piece)>& take) const;

        fake::BatchReply reply;  // where the body is
    };

    /// `clock`: what time goes by, besides `advance`; null: one that stands still. Lifetime: it outlives this.
    explicit FakeBatchService(fake::FakeOptions options = {}, const Clock* clock = nullptr);

    /// `url`: whole, or from its path on. Names of headers may have any case.
    Answer answer(std::string_view method, std::string_view url, const Headers& headers = {}, std::string_view body = {});
    /// An upload whose file's bytes stand between `body` and `body_end`; they are read piece by piece.
    Answer upload(std::string_view url,
                  const Headers& headers,
                  std::string_view body,
                  const std::filesystem::path& file,
                  std::string_view body_end);

    /// Lets time pass and does what is then due.
    void advance(std::chrono::milliseconds time);
    /// The body of POST /fake/behaviour. Errors: as of Control::set_behaviour.
    Result<void> behave(std::string_view json) { return control_.set_behaviour(json); }
    /// The time that it lives in, for whoever must live in the same.
    const Clock& clock() const noexcept { return clock_; }

    /// "batch" of GET /fake/bill.
    boost::json::object bill(std::size_t executions_max = 0) const { return api_.bill().to_object(executions_max); }
    std::string bill_json(std::size_t executions_max = 0) const;
    std::int64_t executed() const;
    std::int64_t cost_picousd() const;
    /// What is there whatever a list shows, oldest first: nothing of it may be unknown to who made it.
    std::vector<std::string> batch_ids();
    std::vector<std::string> file_ids() const;
    /// The faults that have not hit yet.
    std::size_t faults_left() { return control_.batch_rules().faults_left(); }

    fake::BatchApi& api() noexcept { return api_; }

private:
    Answer seen(fake::BatchReply reply) const;
    Answer ask(std::string_view method,
               std::string_view url,
               const Headers& headers,
               std::string_view body,
               const std::filesystem::path* file);

    fake::MovableClock clock_;
    fake::Control control_;
    fake::BatchApi api_;
};

}  // namespace eco2::test
