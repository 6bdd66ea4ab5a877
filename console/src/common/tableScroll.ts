import { Grid, type TableProps } from "antd";

/** How a table scrolls: sideways inside its own box; on a phone not at all, so that texts wrap. */
export function useTableScroll(): TableProps["scroll"] {
  const isWide = Grid.useBreakpoint().sm ?? true;
  return isWide ? { x: "max-content" } : {};
}
