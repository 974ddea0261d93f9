// A status is always a shape and a word; the colour only helps.

interface Look {
  word: string;
  tone: string;
}

const LOOKS: Record<string, Look> = {
  created: { word: "Draft", tone: "draft" },
  blocked: { word: "Waiting", tone: "draft" },
  queued: { word: "Queued", tone: "queued" },
  in_progress: { word: "Running", tone: "running" },
  running: { word: "Running", tone: "running" },
  completed: { word: "Completed", tone: "completed" },
  failed: { word: "Failed", tone: "failed" },
  stopped: { word: "Aborted", tone: "aborted" },
  aborted: { word: "Aborted", tone: "aborted" },
  closed: { word: "Closed", tone: "aborted" },
  publishing: { word: "Publishing", tone: "published" },
  published: { word: "Published", tone: "published" },
  cached: { word: "Cached", tone: "skipped" },
  skipped: { word: "Skipped", tone: "skipped" },
};

export function lookOf(status: string | undefined): Look {
  return LOOKS[status ?? ""] ?? { word: status ?? "Unknown", tone: "draft" };
}

const GLYPHS: Record<string, React.ReactNode> = {
  draft: <circle cx="8" cy="8" r="5.5" fill="none" stroke="currentColor" strokeWidth="1.6" strokeDasharray="2.6 2" />,
  queued: (
    <>
      <circle cx="8" cy="8" r="5.5" fill="none" stroke="currentColor" strokeWidth="1.6" />
      <path d="M8 8V2.5A5.5 5.5 0 0 1 13.5 8Z" fill="currentColor" />
    </>
  ),
  running: (
    <g className="turns">
      <circle cx="8" cy="8" r="5.5" fill="none" stroke="currentColor" strokeWidth="1.6" opacity=".35" />
      <path d="M8 2.5A5.5 5.5 0 0 1 8 13.5" fill="none" stroke="currentColor" strokeWidth="2.2" />
    </g>
  ),
  completed: (
    <>
      <circle cx="8" cy="8" r="6.5" fill="currentColor" />
      <path d="M5 8.2l2.1 2.1L11 6.2" fill="none" stroke="var(--surface)" strokeWidth="1.7" />
    </>
  ),
  failed: (
    <>
      <rect x="2" y="2" width="12" height="12" rx="1.5" fill="currentColor" />
      <path d="M5.5 5.5l5 5m0-5l-5 5" stroke="var(--surface)" strokeWidth="1.7" />
    </>
  ),
  aborted: (
    <>
      <circle cx="8" cy="8" r="6" fill="none" stroke="currentColor" strokeWidth="1.6" />
      <rect x="5.5" y="5.5" width="5" height="5" fill="currentColor" />
    </>
  ),
  published: <path d="M8 1.5L14.5 8L8 14.5L1.5 8Z" fill="currentColor" />,
  skipped: <path d="M2 8h10M8.5 4.5L12 8l-3.5 3.5" fill="none" stroke="currentColor" strokeWidth="1.6" />,
};

export function Status({ status, stopping = false }: { status: string | undefined; stopping?: boolean }) {
  const { word, tone } = lookOf(status);
  return (
    <span className={`status tone-${tone}`}>
      <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
        {GLYPHS[tone]}
      </svg>
      {stopping ? "Stopping" : word}
    </span>
  );
}
