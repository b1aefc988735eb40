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

/// The same, of the process and of all that it has started and that still runs: a server with workers.
///
/// Blocks: reads all of /proc's processes.
ProcessUse process_tree_use(int pid);

/// CPU that this program has used so far.
double own_cpu_seconds();

}  // namespace eco2::bench
