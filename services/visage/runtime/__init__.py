"""What every service needs: settings, errors, server, telemetry, logs, peers, storage and access to Triton."""
