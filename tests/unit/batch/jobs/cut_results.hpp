#pragma once

#include "machine_bench.hpp"

#include <cstddef>
#include <string>

namespace eco2::batch {

/// What a job of requests comes to where nothing goes wrong.
std::string honest_rows(int requests);

/// T10: a result file that seems to end early, once.
class CutResults {
public:
    CutResults();
    std::size_t tail() const noexcept { return tail_; }  ///< bytes of the last three lines
    std::size_t line() const noexcept { return line_; }  ///< of one of them, about
    /// So many bytes are missing at the end: read again, and nothing is lost or paid twice.
    void check(std::size_t missing) const;

private:
    std::string rows_;
    std::size_t tail_ = 0;
    std::size_t line_ = 0;
};

/// T10: an answer of so many bytes, from the fake to the export. Gives what the process has grown by, in KiB.
long run_with_long_line(std::size_t bytes);

}  // namespace eco2::batch
