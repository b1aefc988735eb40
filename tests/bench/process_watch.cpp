#include "bench/process_watch.hpp"

#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

namespace eco2::bench {

ProcessUse process_use(int pid) {
    ProcessUse use;
    if (pid <= 0) {
        return use;
    }
    const std::string folder = "/proc/" + std::to_string(pid);
    std::ifstream stat(folder + "/stat");
    std::string line;
    if (!std::getline(stat, line)) {
        return use;
    }
    // The name in brackets may hold spaces; after it, user and system time are fields 12 and 13.
    std::istringstream rest(line.substr(line.rfind(')') + 1));
    std::string field;
    double ticks = 0;
    for (int i = 0; i < 13 && rest >> field; ++i) {
        if (i >= 11) {
            ticks += std::stod(field);
        }
    }
    use.cpu_seconds = ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
    std::ifstream status(folder + "/status");
    while (std::getline(status, line)) {
        if (line.rfind("VmRSS:", 0) == 0) {
            use.rss_kib = std::stol(line.substr(6));
        } else if (line.rfind("Threads:", 0) == 0) {
            use.threads = std::stol(line.substr(8));
        }
    }
    use.is_there = true;
    return use;
}

}  // namespace eco2::bench
