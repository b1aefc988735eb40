#pragma once

#include <string_view>

namespace eco2::bench {

/// What /proc says of a process right now.
struct ProcessUse {
    double cpu_seconds = 0;
    long rss_kib = 0;
    long threads = 0;
    bool is_there = false;
};

/// Blocks: reads two small files of /proc. pid 0: not there.
ProcessUse process_use(int pid);

}  // namespace eco2::bench
