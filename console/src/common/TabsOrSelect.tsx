import { Flex, Grid, Select, Tabs } from "antd";
import type { ReactNode } from "react";

interface Item<Key extends string> {
  key: Key;
  label: string;
  children: ReactNode;
}

interface Properties<Key extends string> {
  /** What is chosen, for those who can't see it. */
  label: string;
  value: Key;
  onChange: (key: Key) => void;
  items: Item<Key>[];
}

/** Tabs; on a small screen, where they would not fit, a list to choose from. Only what is chosen is there. */
export function TabsOrSelect<Key extends string>({ label, value, onChange, items }: Properties<Key>) {
  const isWide = Grid.useBreakpoint().md ?? true;
  if (isWide) {
    return <Tabs activeKey={value} onChange={(key) => onChange(key as Key)} destroyOnHidden items={items} />;
  }
  return (
    <Flex vertical gap={16}>
      <Select
        aria-label={label}
        value={value}
        onChange={onChange}
        options={items.map((item) => ({ value: item.key, label: item.label }))}
      />
      {items.find(({ key }) => key === value)?.children}
    </Flex>
  );
}
