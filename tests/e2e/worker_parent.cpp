#include "app/worker_process.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

/// Two programs: `worker_parent parent FILE` watches `worker_parent child FILE`, which writes its process id and waits.
int main(int count, char** arguments) {
    if (count != 3) {
        return 2;
    }
    const std::string file = arguments[2];
    if (std::string(arguments[1]) == "child") {
        eco2::app::exit_when_parent_goes(STDIN_FILENO);
        std::ofstream(file + ".new") << ::getpid() << '\n';
        std::filesystem::rename(file + ".new", file);
    } else {
        eco2::app::WorkerProcess::Options options;
        options.command = {std::filesystem::read_symlink("/proc/self/exe"), "child", file};
        options.is_wanted = [] { return true; };
        static eco2::app::WorkerProcess worker(std::move(options));
    }
    while (true) {
        ::pause();
    }
}
