import { Grid } from "antd";
import type { ReactNode } from "react";

/** Two things beside each other, or below each other on a small screen. */
export function TwoColumns({ left, right }: { left: ReactNode; right: ReactNode }) {
  const isWide = Grid.useBreakpoint().lg ?? true;
  const columns = isWide ? "minmax(0, 11fr) minmax(0, 10fr)" : "minmax(0, 1fr)";
  return (
    <div style={{ display: "grid", gridTemplateColumns: columns, gap: 24, alignItems: "start" }}>
      <div>{left}</div>
      <div>{right}</div>
    </div>
  );
}
