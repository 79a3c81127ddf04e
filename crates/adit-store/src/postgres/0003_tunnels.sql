-- 'cfd_tunnel' or 'warp_connector'. Names stay unique over both.
ALTER TABLE tunnels ADD COLUMN kind TEXT COLLATE "C" NOT NULL DEFAULT 'cfd_tunnel';
