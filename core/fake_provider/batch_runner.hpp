#pragma once

#include "fake_provider/batch_bill.hpp"
#include "fake_provider/batch_life.hpp"
#include "fake_provider/batch_line.hpp"
#include "fake_provider/batch_output.hpp"
#include "fake_provider/behaviour.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace eco2::fake {

/// What the synchronous API would have answered to a line.
struct LineAnswer {
    int status = 200;  // 0: no answer that could be read
    std::string body;  // JSON
    std::int64_t tokens_in = 0;
    std::int64_t tokens_out = 0;
};

/// How a batch is executed; fixed when it begins.
struct RunPlan {
    std::string batch_id;
    std::uint64_t number = 0;  // of the batch, from 1: with the seed it decides all that is drawn
    std::uint64_t seed = 1;
    std::string endpoint;
    Dialect dialect = Dialect::chat;
    std::vector<BatchFault> faults;
    int window = 0;  // see BatchOutput::Style
    bool counts_expired = false;
    TokenRates rates;
};

/// Executes a batch's input line by line and writes its two files.
///
/// Thread-safety: none.
/// Lifetime:      the bill outlives it.
class BatchRunner {
public:
    using Ask = std::function<LineAnswer(const ChatRequest& request, std::uint64_t number, const Behaviour& behaviour)>;

    /// `begin` makes an output file.
    BatchRunner(RunPlan plan, std::shared_ptr<const DiskFile> input, Ask ask, BatchBill& bill, BatchOutput::Begin begin);

    /// Executes until `until` lines of the file are done, at most a slice now. Blocks: reads and writes a disk.
    /// Errors: io_failed.
    Result<void> execute(std::int64_t until, const Slice& slice);
    /// Writes a line for each that was not executed, at most a slice now. True: all are written. Blocks and errors alike.
    Result<bool> write_rest(BatchLife::Rest rest, const Slice& slice);

    struct Files {
        std::unique_ptr<Draft> output;  // null: no line succeeded
        std::unique_ptr<Draft> errors;  // null: no line failed
    };
    /// Errors: io_failed.
    Result<Files> close();

    std::int64_t done() const noexcept { return done_; }
    /// Of what is done; `total` is not known here.
    const BatchCounts& counts() const noexcept { return counts_; }

private:
    Result<void> execute_lines(std::int64_t until, const Slice& slice);
    Result<bool> write_rest_lines(BatchLife::Rest rest, const Slice& slice);
    /// Holds no memory until the next slice, but for lines that wait to change places.
    Result<void> rest_files();
    /// The bytes of what was written.
    Result<std::size_t> execute_line(const BatchLine& line);
    Behaviour drawn_behaviour() const;
    std::uint64_t line_number() const noexcept { return plan_.number << 32 | static_cast<std::uint64_t>(done_); }
    std::string line_id() const;
    LineAnswer answer(const BatchLine& line, const Behaviour& behaviour) const;
    void book(const BatchLine& line, const LineAnswer& answer);
    std::string outcome_of(const LineAnswer& answer) const;

    const RunPlan plan_;
    LineReader reader_;
    const Ask ask_;
    BatchBill& bill_;
    BatchOutput output_;
    BatchOutput errors_;
    std::int64_t done_ = 0;
    BatchCounts counts_;
};

}  // namespace eco2::fake
