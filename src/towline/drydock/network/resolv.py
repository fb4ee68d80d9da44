"""The files that tell a pod its name and its name server. Pure."""

from __future__ import annotations

from typing import Any

from towline.drydock.cluster import Obj

_HOSTS = """# Kubernetes-managed hosts file.
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
"""


def hostname_of(pod: Obj) -> str:
    """The host name that a pod sees; at most 63 characters."""
    return str(pod["spec"].get("hostname") or pod["metadata"]["name"])[:63].rstrip("-.")


def hosts_file(pod: Obj, ip: str, domain: str) -> str:
    """The pod's /etc/hosts."""
    host = hostname_of(pod)
    names = host
    if subdomain := pod["spec"].get("subdomain"):
        names = f"{host}.{subdomain}.{pod['metadata']['namespace']}.svc.{domain}\t{host}"
    text = f"{_HOSTS}{ip}\t{names}\n"
    aliases = pod["spec"].get("hostAliases") or []
    if aliases:
        text += "\n# Entries added by HostAliases.\n"
        text += "".join(
            f"{alias['ip']}\t" + "\t".join(alias.get("hostnames") or []) + "\n" for alias in aliases
        )
    return text


def resolv_file(pod: Obj, dns_ip: str, domain: str, host_file: str) -> str:
    """The pod's /etc/resolv.conf, by its dnsPolicy and dnsConfig.

    Args:
        pod: The Pod.
        dns_ip: Cluster IP of the DNS server.
        domain: Cluster domain.
        host_file: The host's resolv.conf, for the policy `Default`.
    """
    servers: list[str] = []
    searches: list[str] = []
    options: list[str] = []
    policy = pod["spec"].get("dnsPolicy") or "ClusterFirst"
    if policy.startswith("ClusterFirst"):
        servers = [dns_ip]
        namespace = pod["metadata"]["namespace"]
        searches = [f"{namespace}.svc.{domain}", f"svc.{domain}", domain]
        options = ["ndots:5"]
    elif policy == "Default":
        servers, searches, options = _parse(host_file)
    config: dict[str, Any] = pod["spec"].get("dnsConfig") or {}
    servers += [ip for ip in config.get("nameservers") or [] if ip not in servers]
    searches += [name for name in config.get("searches") or [] if name not in searches]
    for option in config.get("options") or []:
        options = [kept for kept in options if kept.partition(":")[0] != option["name"]]
        value = option.get("value")
        options.append(f"{option['name']}:{value}" if value else option["name"])
    lines = [f"search {' '.join(searches)}"] if searches else []
    lines += [f"nameserver {ip}" for ip in servers[:3]]
    lines += [f"options {' '.join(options)}"] if options else []
    return "\n".join(lines) + "\n"


def _parse(text: str) -> tuple[list[str], list[str], list[str]]:
    servers: list[str] = []
    searches: list[str] = []
    options: list[str] = []
    for line in text.splitlines():
        match line.split():
            case ["nameserver", ip, *_]:
                servers.append(ip)
            case ["search", *names]:
                searches = names
            case ["options", *words]:
                options += words
            case _:
                continue
    return servers, searches, options
