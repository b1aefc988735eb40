#pragma once

#include "bench/chat_check.hpp"
#include "e2e/programs.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace eco2::test {

/// eco2 with config/examples/failover.toml between two fake providers.
///
/// `scale` multiplies the times of the faults and, with 1, leaves those of the configuration as they ship; with another value
/// it multiplies them as well, so that what takes a minute in life takes seconds here and the order of things stays the same.
class Failover : public Programs {
protected:
    using Clock = std::chrono::steady_clock;
    using Ms = std::chrono::milliseconds;

    static constexpr std::string_view kFallbackModel = "fallback-model";

    /// What a client got.
    struct Answer {
        bench::ChatOutcome outcome = bench::ChatOutcome::broken;
        std::string fault;
        std::string model;
        std::string error_code;
        std::string head;
        int status = 0;
        bool has_usage = false;
        std::int64_t completion_tokens = 0;
        Ms took{0};
    };

    /// What a fake provider saw of one model.
    struct Seen {
        std::int64_t requests = 0;
        std::vector<std::int64_t> at_ms;   // of each
        std::int64_t last_whole_out = -1;  // output tokens of the last answer that was given whole
    };

    ~Failover() override;

    /// Both fakes and the host. Fails the test where one does not start.
    void start_all(double scale, std::string_view fallback_model = kFallbackModel);
    Answer chat(std::string_view model, bool is_stream, Ms limit) const;
    Seen primary_saw(std::string_view model) const { return saw(fake_port_, model); }
    Seen fallback_saw(std::string_view model) const { return saw(fallback_port_, model); }
    /// A primary that is down for a minute and comes back, with a call every four seconds.
    void sit_out_an_outage();
    /// `time` in life, here.
    Ms scaled(Ms time) const { return Ms(static_cast<Ms::rep>(static_cast<double>(time.count()) * scale_)); }

private:
    static Seen saw(unsigned short port, std::string_view model);
    void scale_configuration();
    void keep_expected_text();

    double scale_ = 1;
    unsigned short fallback_port_ = 0;
    std::unique_ptr<Process> fallback_process_;
    bench::ChatCheck::Expected expected_whole_;
    bench::ChatCheck::Expected expected_stream_;
};

/// One of the faults, and what must come of it.
struct FaultCase {
    enum class Answers { primary, fallback, either, nobody };

    std::string_view name;   // for people and in test names
    std::string_view model;  // fault-... of the fake provider
    Answers answers = Answers::fallback;
    int primary_attempts_max = 2;
    int primary_attempts_min = 1;
    std::chrono::milliseconds hint{0};          // between the first two attempts at the primary, at least
    std::chrono::milliseconds longest{25'000};  // until the answer is whole
    bool is_streamed = true;
    std::string_view fallback_model = "fallback-model";
    std::string_view error_code = {};  // nobody: of the error, a part of it
};

std::ostream& operator<<(std::ostream& out, const FaultCase& fault);
std::string fault_test_name(const ::testing::TestParamInfo<FaultCase>& info);

/// The faults that an operator should not notice, streamed and whole.
std::vector<FaultCase> all_faults();

class FailoverFaults : public Failover, public ::testing::WithParamInterface<FaultCase> {};

/// A fault of the primary in one stage of the scan.
struct ScanCase {
    std::string_view name;
    std::string_view behaviour;  // members of POST /fake/behaviour
    std::string_view stage;      // "vision" or "answer"
    bool must_complete = true;
};

std::ostream& operator<<(std::ostream& out, const ScanCase& scan);
std::string scan_test_name(const ::testing::TestParamInfo<ScanCase>& info);

std::vector<ScanCase> all_scans();

class FailoverScan : public Failover, public ::testing::WithParamInterface<ScanCase> {
protected:
    static void expect_an_end(const Reply& reply, bool must_complete);
};

/// How much of a life's time these tests take; each program has its own.
extern const double kFailoverScale;

}  // namespace eco2::test
