#include "bench/process_watch.hpp"

#include <sys/resource.h>
#include <system_error>

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace eco2::bench {

namespace {

int parent_of(int pid) {
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    if (!std::getline(stat, line)) {
        return 0;  // it has ended
    }
    std::istringstream rest(line.substr(line.rfind(')') + 1));
    char state = 0;
    int parent = 0;
    rest >> state >> parent;
    return parent;
}

std::vector<int> all_processes() {
    std::vector<int> pids;
    std::error_code ec;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", ec)) {
        const std::string name = entry.path().filename();
        if (name.find_first_not_of("0123456789") == std::string::npos) {
            pids.push_back(std::stoi(name));
        }
    }
    return pids;
}

}  // namespace

ProcessUse process_tree_use(int pid) {
    ProcessUse use = process_use(pid);
    if (!use.is_there) {
        return use;
    }
    std::multimap<int, int> children;
    for (const int other : all_processes()) {
        children.emplace(parent_of(other), other);
    }
    std::vector<int> tree{pid};
    for (std::size_t i = 0; i < tree.size(); ++i) {
        for (auto [at, end] = children.equal_range(tree[i]); at != end; ++at) {
            const ProcessUse child = process_use(at->second);
            use.cpu_seconds += child.cpu_seconds;
            use.rss_kib += child.rss_kib;
            use.threads += child.threads;
            tree.push_back(at->second);
        }
    }
    return use;
}

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

double own_cpu_seconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace eco2::bench
